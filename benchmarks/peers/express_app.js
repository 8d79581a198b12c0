// Express and MQTT.js: 200 when the broker has acknowledged the event.
const express = require("express");
const mqtt = require("mqtt");
const { XMLParser } = require("fast-xml-parser");
const { randomUUID } = require("crypto");

const client = mqtt.connect(`mqtt://127.0.0.1:${process.env.BROKER_PORT}`, {
  protocolVersion: 5,
  username: process.env.BROKER_USER,
  password: process.env.BROKER_PASSWORD,
});
const parser = new XMLParser();
const app = express();
app.use(express.text({ type: "*/*", limit: "64kb" }));
app.post("/notify", (req, res) => {
  const user = req.query["de.vertico.starface.user"];
  const members = parser.parse(req.body).methodCall.params.param.value.struct.member;
  const event = { id: randomUUID(), user };
  for (const m of members) event[m.name] = m.value.string ?? m.value["dateTime.iso8601"];
  client.publish(`starface/users/${user}/calls`, JSON.stringify(event), { qos: 1 }, (error) => {
    if (error) return res.status(503).end();
    res.type("text/xml").send(
      '<?xml version="1.0"?><methodResponse><params><param><value><boolean>1</boolean></value>' +
        "</param></params></methodResponse>"
    );
  });
});
app.listen(Number(process.env.PORT), "127.0.0.1", 1024);
