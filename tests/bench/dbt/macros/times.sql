{# A timestamp in UTC, cut to milliseconds, from an ISO-8601 date or date-time or from epoch milliseconds; else null. #}
{% macro to_timestamp_utc(text) -%}
    {%- set iso = "\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)?)?" -%}
    case
        when {{ to_bigint(text) }} between -62135596800000 and 253402300799999
            then make_timestamp_ms({{ to_bigint(text) }})
        when regexp_full_match({{ text }}, '{{ iso }}') and {{ text }} >= '0001'
            then date_trunc('milliseconds', try_cast({{ text }} as timestamptz) at time zone 'UTC')
    end
{%- endmacro %}

{# When this run began: the time at which everything in the landing folder counts as received. #}
{% macro run_started_at_utc() -%}
    timestamp '{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}'
{%- endmacro %}
