import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.apis.ClientConfiguration;
import org.apache.rocketmq.client.apis.ClientServiceProvider;
import org.apache.rocketmq.client.apis.consumer.ConsumeResult;
import org.apache.rocketmq.client.apis.consumer.FilterExpression;
import org.apache.rocketmq.client.apis.consumer.FilterExpressionType;
import org.apache.rocketmq.client.apis.message.MessageView;

/** The steps of test/interop/messaging-clients.test.ts with the official Java client. */
public class Messaging {
  static final ClientServiceProvider provider = ClientServiceProvider.loadService();
  static ClientConfiguration configuration;
  static String topic;

  public static void main(String[] args) throws Exception {
    configuration = ClientConfiguration.newBuilder().setEndpoints(args[0]).enableSsl(false).build();
    topic = args[1];
    produce();
    consumeSimply();
    consumePushed();
    // The client leaves threads behind that are no daemons.
    System.exit(0);
  }

  static void produce() throws Exception {
    try (var producer = provider.newProducerBuilder().setClientConfiguration(configuration).setTopics(topic).build()) {
      for (int i = 0; i < 20; i++) {
        var message =
            provider
                .newMessageBuilder()
                .setTopic(topic)
                .setTag(i % 2 == 0 ? "even" : "odd")
                .setKeys("k" + i)
                .addProperty("n", String.valueOf(i))
                .setBody(("m" + i).getBytes(StandardCharsets.UTF_8))
                .build();
        System.out.println("sent " + i + " " + producer.send(message).getMessageId());
      }
    }
  }

  static void consumeSimply() throws Exception {
    var even = new FilterExpression("even", FilterExpressionType.TAG);
    try (var consumer =
        provider
            .newSimpleConsumerBuilder()
            .setClientConfiguration(configuration)
            .setConsumerGroup("java-simple")
            .setAwaitDuration(Duration.ofSeconds(5))
            .setSubscriptionExpressions(Map.of(topic, even))
            .build()) {
      Set<String> acked = new HashSet<>();
      while (acked.size() < 10) {
        for (MessageView message : consumer.receive(16, Duration.ofSeconds(30))) {
          print("simple", message);
          if (body(message).equals("m0") && message.getDeliveryAttempt() == 1) {
            consumer.changeInvisibleDuration(message, Duration.ofSeconds(1));
          } else {
            consumer.ack(message);
            acked.add(body(message));
          }
        }
      }
      System.out.println("left " + consumer.receive(16, Duration.ofSeconds(30)).size());
    }
  }

  static void consumePushed() throws Exception {
    Set<String> done = ConcurrentHashMap.newKeySet();
    var all = new FilterExpression("*", FilterExpressionType.TAG);
    try (var consumer =
        provider
            .newPushConsumerBuilder()
            .setClientConfiguration(configuration)
            .setConsumerGroup("java-push")
            .setSubscriptionExpressions(Map.of(topic, all))
            .setMessageListener(
                message -> {
                  synchronized (Messaging.class) {
                    print("push", message);
                  }
                  if (body(message).equals("m1") && message.getDeliveryAttempt() == 1) {
                    return ConsumeResult.FAILURE;
                  }
                  done.add(body(message));
                  return ConsumeResult.SUCCESS;
                })
            .build()) {
      while (done.size() < 20) Thread.sleep(100);
    }
  }

  static void print(String how, MessageView message) {
    System.out.println(
        String.join(
            " ",
            List.of(
                how,
                body(message),
                String.valueOf(message.getDeliveryAttempt()),
                message.getTag().orElse("-"),
                String.join(",", message.getKeys()),
                message.getProperties().getOrDefault("n", "-"),
                message.getMessageId().toString())));
  }

  static String body(MessageView message) {
    return StandardCharsets.UTF_8.decode(message.getBody()).toString();
  }
}
