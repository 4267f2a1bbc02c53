"""A Flask app made by a factory, with a blueprint in a module of its own."""

from flask import Flask
from views import views


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["OWNER"] = "Ada"
    app.register_blueprint(views)
    return app
