"""The pages."""

from chat import views
from django.urls import path

urlpatterns = [path("", views.index), path("plain/", views.plain), path("count/", views.count)]
