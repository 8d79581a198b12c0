"""Writes the flow of the Node-RED peer: 200 when the broker has acknowledged the event."""

import json
import os
import sys
from pathlib import Path

READ = """
const members = msg.payload.methodCall.params[0].param[0].value[0].struct[0].member;
const user = msg.req.query["de.vertico.starface.user"];
const event = {id: RED.util.generateId(), user: user};
for (const m of members) event[m.name[0]] = Object.values(m.value[0])[0][0];
msg.topic = "starface/users/" + user + "/calls";
msg.payload = JSON.stringify(event);
msg.qos = 1;
return msg;
"""
ANSWER = """
msg.payload = '<?xml version="1.0"?><methodResponse><params><param><value><boolean>1</boolean>' +
  '</value></param></params></methodResponse>';
msg.headers = {"content-type": "text/xml"};
msg.statusCode = 200;
return msg;
"""
FLOW = [
    {"id": "n-tab", "type": "tab", "label": "peer"},
    {"id": "n-in", "type": "http in", "z": "n-tab", "url": "/notify", "method": "post",
     "wires": [["n-xml"]]},
    {"id": "n-xml", "type": "xml", "z": "n-tab", "property": "payload", "wires": [["n-read"]]},
    {"id": "n-read", "type": "function", "z": "n-tab", "func": READ, "outputs": 1,
     "wires": [["n-out"]]},
    {"id": "n-out", "type": "mqtt out", "z": "n-tab", "topic": "", "qos": "", "retain": "",
     "broker": "n-broker", "wires": []},
    {"id": "n-done", "type": "complete", "z": "n-tab", "scope": ["n-out"], "wires": [["n-answer"]]},
    {"id": "n-answer", "type": "function", "z": "n-tab", "func": ANSWER, "outputs": 1,
     "wires": [["n-res"]]},
    {"id": "n-res", "type": "http response", "z": "n-tab", "wires": []},
    {"id": "n-broker", "type": "mqtt-broker", "broker": "127.0.0.1",
     "port": os.environ["BROKER_PORT"], "clientid": "gateway", "autoConnect": True,
     "protocolVersion": "5", "keepalive": "60", "cleansession": True,
     "credentials": {"user": os.environ["BROKER_USER"],
                     "password": os.environ["BROKER_PASSWORD"]}},
]  # fmt: skip
SETTINGS = """module.exports = {flowFile: "flows.json", credentialSecret: false,
  uiHost: "127.0.0.1", uiPort: %s, httpAdminRoot: false, logging: {console: {level: "warn"}}};
"""

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
credentials = {"n-broker": FLOW[-1].pop("credentials")}
(folder / "flows.json").write_text(json.dumps(FLOW))
(folder / "flows_cred.json").write_text(json.dumps(credentials))
(folder / "settings.js").write_text(SETTINGS % os.environ["PORT"])
