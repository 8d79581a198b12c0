// Go's net/http and Eclipse Paho: 200 when the broker has acknowledged the event.
package main

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

type call struct {
	Members []struct {
		Name  string `xml:"name"`
		Value struct {
			Text   string `xml:",chardata"`
			String string `xml:"string"`
		} `xml:"value"`
	} `xml:"params>param>value>struct>member"`
}

const answer = `<?xml version="1.0"?><methodResponse><params><param><value><boolean>1</boolean></value></param></params></methodResponse>`

func main() {
	options := mqtt.NewClientOptions().AddBroker("tcp://127.0.0.1:" + os.Getenv("BROKER_PORT"))
	options.SetClientID("go").SetUsername(os.Getenv("BROKER_USER")).SetPassword(os.Getenv("BROKER_PASSWORD"))
	client := mqtt.NewClient(options)
	if token := client.Connect(); token.Wait() && token.Error() != nil {
		log.Fatal(token.Error())
	}
	http.HandleFunc("/notify", func(out http.ResponseWriter, request *http.Request) {
		user := request.URL.Query().Get("de.vertico.starface.user")
		body, err := io.ReadAll(io.LimitReader(request.Body, 65536))
		var read call
		if err != nil || xml.Unmarshal(body, &read) != nil {
			http.Error(out, "not XML-RPC", http.StatusBadRequest)
			return
		}
		event := map[string]string{"user": user, "time": time.Now().Format(time.RFC3339Nano)}
		for _, member := range read.Members {
			event[member.Name] = member.Value.String + member.Value.Text
		}
		payload, _ := json.Marshal(event)
		token := client.Publish("starface/users/"+user+"/calls", 1, false, payload)
		if !token.WaitTimeout(5*time.Second) || token.Error() != nil {
			http.Error(out, "no broker", http.StatusServiceUnavailable)
			return
		}
		out.Header().Set("Content-Type", "text/xml")
		io.WriteString(out, answer)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
