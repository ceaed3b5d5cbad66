package peer;

record Account(long customerId, long cents, boolean savings) implements Attributes {
    @Override
    public void write(Writer to) {
        to.number(customerId).number(cents).flag(savings);
    }

    static Account read(Reader from) {
        return new Account(from.number(), from.number(), from.flag());
    }
}
