-- The database that Debezium watches (bank), and what the tests know of it (audit).
create database bank character set utf8mb4;
create database audit character set utf8mb4;

create table bank.customers (
    customer_id integer primary key,
    customer_name text,
    has_loan boolean,
    note text,
    updated_at timestamp(6) not null default current_timestamp(6) on update current_timestamp(6)
);
create table bank.accounts (
    account_id varchar(32) primary key,
    customer_id integer,
    balance decimal(16,4),
    account_type varchar(16),
    note text,
    updated_at timestamp(6) not null default current_timestamp(6) on update current_timestamp(6)
);
create table bank.signals (id varchar(64), type varchar(32), data varchar(2048));

-- Every state that a row had, in the order in which they were made; no state: the row ceased to
-- exist.
create table audit.events (
    seq bigint auto_increment primary key,
    entity varchar(16) not null,
    id varchar(32) not null,
    state text,
    valid boolean not null default true
);
create function audit.amount(a decimal(38,6)) returns text deterministic
    return cast(cast(round(a, 2) as decimal(36,2)) as char);
create function audit.flag(b boolean) returns text deterministic
    return if(coalesce(b, false), 'true', 'false');

create trigger bank.customer_made after insert on bank.customers for each row
    insert into audit.events (entity, id, state) values ('customers', new.customer_id,
        concat('[', json_quote(lower(trim(new.customer_name))), ',', audit.flag(new.has_loan),
               ']'));
create trigger bank.customer_left after update on bank.customers for each row
    insert into audit.events (entity, id) select 'customers', old.customer_id from dual
        where old.customer_id <> new.customer_id;
create trigger bank.customer_changed after update on bank.customers for each row
    insert into audit.events (entity, id, state) values ('customers', new.customer_id,
        concat('[', json_quote(lower(trim(new.customer_name))), ',', audit.flag(new.has_loan),
               ']'));
create trigger bank.customer_deleted after delete on bank.customers for each row
    insert into audit.events (entity, id) values ('customers', old.customer_id);
create trigger bank.account_made after insert on bank.accounts for each row
    insert into audit.events (entity, id, state) values ('accounts', new.account_id,
        json_array(new.customer_id, audit.amount(new.balance), lower(new.account_type)));
create trigger bank.account_left after update on bank.accounts for each row
    insert into audit.events (entity, id) select 'accounts', old.account_id from dual
        where old.account_id <> new.account_id;
create trigger bank.account_changed after update on bank.accounts for each row
    insert into audit.events (entity, id, state) values ('accounts', new.account_id,
        json_array(new.customer_id, audit.amount(new.balance), lower(new.account_type)));
create trigger bank.account_deleted after delete on bank.accounts for each row
    insert into audit.events (entity, id) values ('accounts', old.account_id);

create view audit.accounts as
    select account_id, customer_id, round(balance, 2) balance, lower(account_type) account_type
    from bank.accounts;
create view audit.summaries as
    select account_id, customer_id, customer_name, has_loan, balance, rate,
           round(balance * rate, 2) interest
    from (select account_id, customer_id, lower(trim(customer_name)) customer_name, has_loan,
                 balance,
                 cast(case when balance < 10000 then 0.010 when balance < 20000 then 0.015
                           else 0.020 end
                      + case when has_loan then 0.005 else 0 end as decimal(5,3)) rate
          from audit.accounts join bank.customers using (customer_id)
          where account_type = 'savings') joined;
create view audit.account_summary as
    select account_id id, json_object(
        'account_id', account_id,
        'customer_id', customer_id,
        'original_balance_amount', audit.amount(balance),
        'interest_rate_pct', cast(rate as char),
        'annual_interest_amount', audit.amount(interest),
        'new_balance_amount', audit.amount(balance + interest)) result
    from audit.summaries;
create view audit.customer_profile as
    select cast(customer_id as char) id, json_object(
        'customer_id', customer_id,
        'customer_name', customer_name,
        'has_loan_flag', json_compact(audit.flag(has_loan)),
        'total_accounts_count', count(*),
        'total_balance_amount', audit.amount(sum(balance)),
        'total_annual_interest_amount', audit.amount(sum(interest))) result
    from audit.summaries
    group by customer_id, customer_name, has_loan;

-- Its tables of numbers (seq_1_to_10) want a database.
use bank;
