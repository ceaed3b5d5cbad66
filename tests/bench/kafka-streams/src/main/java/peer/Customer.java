package peer;

record Customer(String name, boolean hasLoan) implements Attributes {
    @Override
    public void write(Writer to) {
        to.text(name).flag(hasLoan);
    }

    static Customer read(Reader from) {
        return new Customer(from.text(), from.flag());
    }
}
