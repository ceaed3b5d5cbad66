with source as (

    select
        row_number() over () as line_number,
        coalesce("AccountID", '') as account_id_raw,
        coalesce("customer-id", '') as customer_id_raw,
        coalesce("Balance", '') as balance_raw,
        coalesce("Account_Type", '') as account_type_raw,
        coalesce("Branch", '') as branch_raw,
        coalesce("updated_at", '') as updated_at_raw
    from {{ source('bank', 'accounts') }}

),

cleaned as (

    select
        *,
        {{ clean_text('account_id_raw') }} as account_id,
        {{ clean_text('customer_id_raw') }} as customer_id_text,
        {{ clean_text('balance_raw') }} as balance_text,
        {{ clean_text('account_type_raw') }} as account_type_text,
        {{ clean_text('updated_at_raw') }} as updated_at_text
    from source

),

typed as (

    select
        *,
        {{ to_bigint('customer_id_text') }} as customer_id,
        {{ to_amount('balance_text') }} as balance_amount,
        {{ ascii_lower('account_type_text') }} as account_type,
        {{ run_started_at_utc() }} as loaded_at,
        case
            when {{ is_null_text('updated_at_text') }} then loaded_at
            else {{ to_timestamp_utc('updated_at_text') }}
        end as updated_at
    from cleaned

)

select
    *,
    case
        when {{ is_null_text('account_id') }} then 'Invalid account_id: null or empty'
        {{ customer_id_reason() }}
        when {{ is_blank('balance_text') }} then 'Invalid balance: null or empty'
        when {{ is_null_text('balance_text') }}
            then 'Invalid balance: null representation (' || balance_text || ')'
        when balance_amount is null
            then 'Invalid balance: non-numeric value (' || balance_text || ')'
        when balance_amount < 0 then 'Invalid balance: negative value (' || balance_text || ')'
        when {{ is_null_text('account_type_text') }} then 'Invalid account_type: null or empty'
        when account_type not in ('savings', 'checking')
            then 'Invalid account_type: must be Savings or Checking (' || account_type_text || ')'
        {{ updated_at_reason() }}
    end as quarantine_reason
from typed
