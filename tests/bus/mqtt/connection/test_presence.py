from bus.mqtt.presence import Presence
from bus.settings import BrokerSettings
from tests.bus.mqtt.connection.conftest import Connect, work_until


def test_a_process_is_online_while_it_lives_and_offline_after(
    connection: Connect, broker_settings: BrokerSettings, connect: Connect
) -> None:
    reported: list[bytes] = []
    watch = connect("cli-1")
    watch.subscribe("starface/processes/dial", lambda message: reported.append(message.payload))
    with connection(broker_settings, "dial", presence=Presence("dial")) as dial:
        dial.wait_connected()
        work_until(watch, lambda: reported == [b"online"])

    work_until(watch, lambda: reported == [b"online", b"offline"])


def test_a_late_will_is_corrected(
    connection: Connect, broker_settings: BrokerSettings, connect: Connect
) -> None:
    reported: list[bytes] = []
    watch = connect("cli-1")
    with connection(broker_settings, "dial", presence=Presence("dial")) as dial:
        dial.wait_connected()
        watch.subscribe("starface/processes/dial", lambda message: reported.append(message.payload))
        dial.publish_raw("starface/processes/dial", b"offline", retain=True)
        work_until(watch, lambda: reported[-1:] == [b"offline"])

        work_until(dial, lambda: watch.work(0.01) and reported[-1:] == [b"online"])
