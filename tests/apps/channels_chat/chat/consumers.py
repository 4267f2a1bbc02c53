"""A room that tells everybody, and a consumer that runs in a thread."""

from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer

WORD = "old"


class Chat(AsyncWebsocketConsumer):
    async def connect(self):
        self.room = self.scope["url_route"]["kwargs"]["room"]
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()
        print(f"joined {self.room}")

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.room, self.channel_name)
        print(f"left {self.room} with {code}")

    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.group_send(self.room, {"type": "said", "text": text_data})

    async def said(self, event):
        await self.send(f"{WORD}: {event['text']}")


class Shout(WebsocketConsumer):
    def receive(self, text_data=None, bytes_data=None):
        self.send(f"{WORD}: {text_data.upper()}")
