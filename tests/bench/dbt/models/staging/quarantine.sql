{# Append only: every refused record of every night, as it was received. #}
{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

with refused as (

    select
        'customers' as source_table,
        line_number,
        quarantine_reason,
        json_object(
            'Customer ID', customer_id_raw,
            'Name', name_raw,
            'HasLoan', has_loan_raw,
            'Updated At', updated_at_raw
        ) as record,
        loaded_at
    from {{ ref('base_bank__customers') }}
    where quarantine_reason is not null

    union all

    select
        'accounts' as source_table,
        line_number,
        quarantine_reason,
        json_object(
            'AccountID', account_id_raw,
            'customer-id', customer_id_raw,
            'Balance', balance_raw,
            'Account_Type', account_type_raw,
            'Branch', branch_raw,
            'updated_at', updated_at_raw
        ) as record,
        loaded_at
    from {{ ref('base_bank__accounts') }}
    where quarantine_reason is not null

)

select
    source_table,
    line_number,
    {{ reason_code('quarantine_reason') }} as code,
    quarantine_reason as reason,
    record,
    loaded_at
from refused
