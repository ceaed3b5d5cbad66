select
    account_id,
    customer_id,
    balance_amount,
    account_type,
    updated_at,
    loaded_at
from {{ ref('base_bank__accounts') }}
where quarantine_reason is null
qualify row_number() over (partition by account_id order by updated_at desc, line_number desc) = 1
