{# Current accounts with their current customers. An account whose customer is not known is left out
   until it is. #}
with accounts as (

    select * from {{ ref('snap_accounts') }} where valid_to_at is null

),

customers as (

    select * from {{ ref('snap_customers') }} where valid_to_at is null

)

select
    accounts.account_id,
    accounts.customer_id,
    customers.customer_name,
    customers.has_loan_flag,
    accounts.balance_amount,
    accounts.account_type,
    accounts.valid_from_at,
    greatest(accounts.loaded_at, customers.loaded_at) as loaded_at
from accounts
inner join customers on accounts.customer_id = customers.customer_id
