"""FastAPI and aiomqtt: 200 when the broker has acknowledged the event."""

import json
import logging
import os
import uuid
from contextlib import asynccontextmanager
from xml.etree.ElementTree import Element

import aiomqtt
from defusedxml.ElementTree import fromstring
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

logging.getLogger("mqtt").setLevel(logging.ERROR)


class Call(BaseModel):  # as the PBX names its members
    id: str
    state: str
    callerNumber: str = ""  # noqa: N815
    callerName: str = ""  # noqa: N815
    calledNumber: str = ""  # noqa: N815
    calledName: str = ""  # noqa: N815


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with aiomqtt.Client(
        "127.0.0.1",
        int(os.environ["BROKER_PORT"]),
        username=os.environ["BROKER_USER"],
        password=os.environ["BROKER_PASSWORD"],
        protocol=aiomqtt.ProtocolVersion.V5,
    ) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)
TRUE = (
    '<?xml version="1.0"?><methodResponse><params><param><value><boolean>1</boolean></value>'
    "</param></params></methodResponse>"
)


def text(value: Element) -> str:
    return "".join(value.itertext()).strip()


@app.post("/notify")
async def notify(request: Request) -> Response:
    user = request.query_params["de.vertico.starface.user"]
    tree = fromstring(await request.body())
    call = Call(**{text(m.find("name")): text(m.find("value")) for m in tree.iter("member")})
    event = {"id": str(uuid.uuid4()), "user": user, **call.model_dump()}
    topic = f"starface/users/{user}/calls"
    await app.state.client.publish(topic, json.dumps(event), qos=1)
    return Response(TRUE, media_type="text/xml")
