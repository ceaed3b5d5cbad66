{# One branch of the case expressions that say why a record is refused. Texts of several fields
   share these. #}
{% macro customer_id_reason() -%}
        when {{ is_null_text('customer_id_text') }} then 'Invalid customer_id: null or empty'
        when customer_id is null
            then 'Invalid customer_id: non-numeric value (' || customer_id_text || ')'
{%- endmacro %}

{% macro updated_at_reason() -%}
        when updated_at is null
            then 'Invalid updated_at: ' || updated_at_text
                || ' (accepted: an ISO-8601 date or date-time of years 0001 to 9999, or epoch '
                || 'seconds, milliseconds, microseconds or nanoseconds of years 1973 to 2286)'
{%- endmacro %}

{# invalid_name from 'Invalid name: null or empty', invalid_has_loan from
   'Invalid has_loan value: X'. #}
{% macro reason_code(reason) -%}
    'invalid_' || regexp_extract({{ reason }}, '^Invalid (\w+)', 1)
{%- endmacro %}
