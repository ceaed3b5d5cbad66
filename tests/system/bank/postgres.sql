-- The database that Debezium watches (schema bank), and what the tests know of it (schema audit).
create schema bank;

create table bank.customers (
    customer_id integer primary key,
    customer_name text,
    has_loan boolean,
    note text,
    updated_at timestamptz not null
);
-- A long name lies outside of the row, uncompressed: an update that leaves it alone does not send
-- it.
alter table bank.customers alter customer_name set storage external;

create table bank.accounts (
    account_id text primary key,
    customer_id integer,
    balance numeric(16,4),
    account_type text,
    note text,
    updated_at timestamptz not null
);

create function bank.stamp() returns trigger language plpgsql as $$
begin
    new.updated_at := clock_timestamp();
    return new;
end $$;
create trigger stamp before insert or update on bank.customers
    for each row execute function bank.stamp();
create trigger stamp before insert or update on bank.accounts
    for each row execute function bank.stamp();

-- What rows say in the words of the results, and whether a row may be a result at all.
create schema audit;

create function audit.amount(numeric) returns text language sql immutable as
    $$ select to_char(round($1, 2), 'FM9999999999999990.00') $$;
create function audit.state(bank.customers) returns jsonb language sql as
    $$ select jsonb_build_array(lower(btrim($1.customer_name)), coalesce($1.has_loan, false)) $$;
create function audit.state(bank.accounts) returns jsonb language sql as
    $$ select jsonb_build_array($1.customer_id, audit.amount($1.balance),
                                lower(btrim($1.account_type))) $$;
create function audit.valid(bank.customers) returns boolean language sql as
    $$ select coalesce(btrim($1.customer_name), '') <> '' $$;
create function audit.valid(bank.accounts) returns boolean language sql as
    $$ select coalesce($1.customer_id is not null and $1.balance >= 0
                       and lower(btrim($1.account_type)) in ('savings', 'checking'), false) $$;

-- Every state that a row had, in the order in which they were made; no state: the row ceased to
-- exist.
create table audit.events (
    seq bigserial primary key,
    entity text not null,
    id text not null,
    state jsonb,
    valid boolean not null default true
);
create index on audit.events (entity, id, seq);

create function audit.log_customer() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' or tg_op = 'UPDATE' and old.customer_id <> new.customer_id then
        insert into audit.events (entity, id) values ('customers', old.customer_id);
    end if;
    if tg_op <> 'DELETE' then
        insert into audit.events (entity, id, state, valid)
            values ('customers', new.customer_id, audit.state(new), audit.valid(new));
    end if;
    return null;
end $$;
create function audit.log_account() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' or tg_op = 'UPDATE' and old.account_id <> new.account_id then
        insert into audit.events (entity, id) values ('accounts', old.account_id);
    end if;
    if tg_op <> 'DELETE' then
        insert into audit.events (entity, id, state, valid)
            values ('accounts', new.account_id, audit.state(new), audit.valid(new));
    end if;
    return null;
end $$;
create function audit.log_truncate() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'customers' then
        insert into audit.events (entity, id) select 'customers', customer_id from bank.customers;
    else
        insert into audit.events (entity, id) select 'accounts', account_id from bank.accounts;
    end if;
    return null;
end $$;
create trigger log after insert or update or delete on bank.customers
    for each row execute function audit.log_customer();
create trigger log after insert or update or delete on bank.accounts
    for each row execute function audit.log_account();
create trigger log_truncate before truncate on bank.customers execute function audit.log_truncate();
create trigger log_truncate before truncate on bank.accounts execute function audit.log_truncate();
