with source as (

    select
        row_number() over () as line_number,
        coalesce("Customer ID", '') as customer_id_raw,
        coalesce("Name", '') as name_raw,
        coalesce("HasLoan", '') as has_loan_raw,
        coalesce("Updated At", '') as updated_at_raw
    from {{ source('bank', 'customers') }}

),

cleaned as (

    select
        *,
        {{ clean_text('customer_id_raw') }} as customer_id_text,
        {{ clean_text('name_raw') }} as name_text,
        {{ clean_text('has_loan_raw') }} as has_loan_text,
        {{ clean_text('updated_at_raw') }} as updated_at_text
    from source

),

typed as (

    select
        *,
        {{ to_bigint('customer_id_text') }} as customer_id,
        lower(name_text) as customer_name,
        case
            when {{ is_null_text('has_loan_text') }} then false
            when {{ ascii_lower('has_loan_text') }} in ('yes', 'y', 'true', '1') then true
            when {{ ascii_lower('has_loan_text') }} in ('no', 'n', 'false', '0') then false
            when {{ to_bigint('has_loan_text') }} in (0, 1)
                then {{ to_bigint('has_loan_text') }} = 1
        end as has_loan_flag,
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
        {{ customer_id_reason() }}
        when {{ is_null_text('name_text') }} or {{ is_invisible('name_text') }}
            then 'Invalid name: null or empty'
        when has_loan_flag is null then 'Invalid has_loan value: ' || has_loan_text
        {{ updated_at_reason() }}
    end as quarantine_reason
from typed
