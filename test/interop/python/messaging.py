"""The steps of test/interop/messaging-clients.test.ts with the official Python client."""
import sys
import threading

from rocketmq.v5.client import ClientConfiguration, Credentials
from rocketmq.v5.consumer import ConsumeResult, MessageListener, PushConsumer, SimpleConsumer
from rocketmq.v5.model import FilterExpression, Message
from rocketmq.v5.producer import Producer

endpoint, topic = sys.argv[1:]
configuration = ClientConfiguration(endpoint, Credentials())


def say(*words):
    print(*words, flush=True)


def show(how, message):
    keys = message.keys
    say(
        how,
        message.body.decode(),
        message.delivery_attempt,
        message.tag or "-",
        ",".join([keys] if isinstance(keys, str) else keys),
        message.properties.get("n", "-"),
        message.message_id,
    )


def produce():
    producer = Producer(configuration, [topic])
    producer.startup()
    for i in range(20):
        message = Message()
        message.topic = topic
        message.tag = "even" if i % 2 == 0 else "odd"
        message.keys = f"k{i}"
        message.add_property("n", str(i))
        message.body = f"m{i}".encode()
        say("sent", i, producer.send(message).message_id)
    producer.shutdown()


def consume_simply():
    even = {topic: FilterExpression("even")}
    consumer = SimpleConsumer(configuration, "python-simple", even, await_duration=5)
    consumer.startup()
    acked = set()
    while len(acked) < 10:
        for message in consumer.receive(16, 30) or []:
            show("simple", message)
            if message.body == b"m0" and message.delivery_attempt == 1:
                consumer.change_invisible_duration(message, 1)
            else:
                consumer.ack(message)
                acked.add(message.body)
    say("left", len(consumer.receive(16, 30) or []))
    consumer.shutdown()


class Listener(MessageListener):
    def __init__(self):
        self.done = set()
        self.lock = threading.Lock()
        self.all_done = threading.Event()

    def consume(self, message):
        with self.lock:
            show("push", message)
            if message.body == b"m1" and message.delivery_attempt == 1:
                return ConsumeResult.FAILURE
            self.done.add(message.body)
            if len(self.done) == 20:
                self.all_done.set()
            return ConsumeResult.SUCCESS


def consume_pushed():
    listener = Listener()
    consumer = PushConsumer(configuration, "python-push", listener, {topic: FilterExpression()})
    consumer.startup()
    listener.all_done.wait(60)
    consumer.shutdown()


produce()
consume_simply()
consume_pushed()
