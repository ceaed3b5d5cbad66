{#
    Computed again: customers with a new version, and all those that hold, or once held, an account
    with a new version (it may have moved away). Customers without savings accounts are removed by
    the hook.
#}
{{
    config(
        unique_key='customer_id',
        post_hook="
            delete from {{ this }}
            where customer_id not in (select customer_id from {{ ref('account_summary') }})"
    )
}}

-- depends_on: {{ ref('snap_accounts') }}

with customers as (

    select * from {{ ref('snap_customers') }} where valid_to_at is null

),

{% if is_incremental() -%}

watermark as (

    select coalesce(max(loaded_at), '-infinity') as loaded_at from {{ this }}

),

changed as (

    select customer_id from customers where loaded_at > (select loaded_at from watermark)
    union
    select customer_id from {{ ref('snap_accounts') }}
    where account_id in (
        select account_id from {{ ref('snap_accounts') }}
        where loaded_at > (select loaded_at from watermark)
    )

),

{% endif -%}

accounts as (

    select * from {{ ref('account_summary') }}
    {%- if is_incremental() %}
    where customer_id in (select customer_id from changed)
    {%- endif %}

),

totals as (

    select
        customer_id,
        count(*) as total_accounts_count,
        sum(original_balance_amount) as total_balance_amount,
        sum(annual_interest_amount) as total_annual_interest_amount,
        max(loaded_at) as loaded_at
    from accounts
    group by customer_id

)

select
    totals.customer_id,
    customers.customer_name,
    customers.has_loan_flag,
    totals.total_accounts_count,
    totals.total_balance_amount,
    totals.total_annual_interest_amount,
    {{ run_started_at_utc() }} as calculated_at,
    totals.loaded_at
from totals
inner join customers on totals.customer_id = customers.customer_id
