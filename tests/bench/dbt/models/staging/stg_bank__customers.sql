select
    customer_id,
    customer_name,
    has_loan_flag,
    updated_at,
    loaded_at
from {{ ref('base_bank__customers') }}
where quarantine_reason is null
qualify row_number() over (partition by customer_id order by updated_at desc, line_number desc) = 1
