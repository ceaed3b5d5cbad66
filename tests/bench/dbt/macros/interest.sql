{% macro interest_rate(balance, has_loan) -%}
    (
        case
        {%- for tier in var('interest_tiers') if tier.below is defined %}
            when {{ balance }} < {{ tier.below }} then {{ tier.rate }}
        {%- endfor %}
            else {{ var('interest_tiers')[-1].rate }}
        end::decimal(5, 3)
        + case when {{ has_loan }} then {{ var('loan_bonus_rate') }} else 0 end::decimal(5, 3)
    )::decimal(5, 3)
{%- endmacro %}
