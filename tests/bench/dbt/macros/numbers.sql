{# try_cast alone would also take 1_000, nan and 0x1F. #}
{% macro is_number(text) -%}
    regexp_full_match({{ text }}, '[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?')
{%- endmacro %}

{# Rounds half away from zero. The cast goes from text to decimal directly, never through floating
   point. #}
{% macro to_amount(text) -%}
    case when {{ is_number(text) }} then try_cast({{ text }} as decimal(18, 2)) end
{%- endmacro %}

{# Null where the number has a fraction or more than 64 bits. A plain cast to bigint would round
   the fraction off. #}
{% macro to_bigint(text) -%}
    case
        when {{ is_number(text) }} and try_cast({{ text }} as decimal(38, 18)) % 1 = 0
            then try_cast(try_cast({{ text }} as decimal(38, 18)) as bigint)
    end
{%- endmacro %}
