"""The pages, an upload and a download."""

import threading
from collections.abc import Iterator

from flask import Blueprint, Response, current_app, jsonify, render_template, request, stream_with_context

views = Blueprint("views", __name__)
WORD = "old"


@views.get("/")
def index() -> str:
    return render_template("index.html", owner=current_app.config["OWNER"], word=WORD)


@views.route("/echo", methods=["GET", "PUT"])
def echo() -> str:
    return f"{WORD} {len(request.get_data())}"


@views.get("/broken")
def broken() -> str:
    secret = "a value on the stack"
    raise LookupError(f"no such thing, says {len(secret)}")


@views.put("/upload")
def upload() -> Response:
    size = 0
    try:
        while part := request.stream.read(65536):
            size += len(part)
    except OSError as error:
        print(f"broken off: {error!r}")
        raise
    return jsonify(size=size, word=WORD, thread=threading.current_thread() is not threading.main_thread())


@views.get("/rows")
def rows() -> Response:
    def made() -> Iterator[str]:
        for number in range(int(request.args["count"])):
            yield f"{WORD} {number:8191}\n"

    return Response(stream_with_context(made()), mimetype="text/plain")
