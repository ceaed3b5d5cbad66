{#
    Only what a new version of the account or its customer touches is computed again. Accounts that
    are no savings account any more, or have lost their customer, are not among those rows: the hook
    removes them.
#}
{{
    config(
        unique_key='account_id',
        post_hook="
            delete from {{ this }} where account_id not in (
                select account_id from {{ ref('int_accounts_with_customers') }}
                where account_type = 'savings'
            )"
    )
}}

with changed as (

    select
        *,
        {{ interest_rate('balance_amount', 'has_loan_flag') }} as interest_rate_pct
    from {{ ref('int_accounts_with_customers') }}
    where account_type = 'savings'
    {%- if is_incremental() %}
        and loaded_at > (select coalesce(max(loaded_at), '-infinity') from {{ this }})
    {%- endif %}

),

interest as (

    select
        *,
        round(balance_amount::decimal(23, 2) * interest_rate_pct, 2)::decimal(18, 2)
            as annual_interest_amount
    from changed

)

select
    account_id,
    customer_id,
    balance_amount as original_balance_amount,
    interest_rate_pct,
    annual_interest_amount,
    (balance_amount + annual_interest_amount)::decimal(19, 2) as new_balance_amount,
    {{ run_started_at_utc() }} as calculated_at,
    loaded_at
from interest
