-- What the results rest on: the rows, and in place of one that is refused its last state that was
-- not.
create view audit.outdated as
    select e.entity, e.id, e.state
    from (select 'customers' entity, customer_id::text id from bank.customers c
          where not audit.valid(c)
          union all
          select 'accounts', account_id from bank.accounts a where not audit.valid(a)) refused
    cross join lateral (
        select * from audit.events e
        where e.entity = refused.entity and e.id = refused.id and (e.valid or e.state is null)
        order by e.seq desc limit 1) e
    where e.state is not null;
create view audit.customers as
    select customer_id, lower(btrim(customer_name)) customer_name,
           coalesce(has_loan, false) has_loan
    from bank.customers c where audit.valid(c)
    union all
    select id::integer, state->>0, (state->>1)::boolean from audit.outdated
    where entity = 'customers';
create view audit.accounts as
    select account_id, customer_id, round(balance, 2) balance,
           lower(btrim(account_type)) account_type
    from bank.accounts a where audit.valid(a)
    union all
    select id, (state->>0)::integer, (state->>1)::numeric, state->>2 from audit.outdated
    where entity = 'accounts';

create view audit.summaries as
    select account_id, customer_id, customer_name, has_loan, balance, rate,
           round(balance * rate, 2) interest
    from (select account_id, customer_id, customer_name, has_loan, balance,
                 case when balance < 10000 then 0.010 when balance < 20000 then 0.015 else 0.020 end
                 + case when has_loan then 0.005 else 0 end rate
          from audit.accounts join audit.customers using (customer_id)
          where account_type = 'savings') joined;
create view audit.account_summary as
    select account_id id, jsonb_build_object(
        'account_id', account_id,
        'customer_id', customer_id,
        'original_balance_amount', audit.amount(balance),
        'interest_rate_pct', to_char(rate, 'FM0.000'),
        'annual_interest_amount', audit.amount(interest),
        'new_balance_amount', audit.amount(balance + interest)) result
    from audit.summaries;
create view audit.customer_profile as
    select customer_id::text id, jsonb_build_object(
        'customer_id', customer_id,
        'customer_name', customer_name,
        'has_loan_flag', has_loan,
        'total_accounts_count', count(*),
        'total_balance_amount', audit.amount(sum(balance)),
        'total_annual_interest_amount', audit.amount(sum(interest))) result
    from audit.summaries
    group by customer_id, customer_name, has_loan;
