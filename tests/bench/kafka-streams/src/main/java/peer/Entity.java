package peer;

/** The two kinds of input, and what is called after them. */
enum Entity {
    CUSTOMERS("customers", "customer"),
    ACCOUNTS("accounts", "account");

    final String topic;
    final String singular;

    Entity(String topic, String singular) {
        this.topic = topic;
        this.singular = singular;
    }

    String historyTopic() {
        return singular + "_history";
    }

    Attributes read(Reader from) {
        return this == CUSTOMERS ? Customer.read(from) : Account.read(from);
    }
}
