{# ASCII white space off both ends. #}
{% macro clean_text(column) -%}
    trim({{ column }}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))
{%- endmacro %}

{# Lower case of A to Z only: keywords are ASCII, and İ or the Kelvin sign must not turn into one of
   their letters. #}
{% macro ascii_lower(text) -%}
    translate({{ text }}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')
{%- endmacro %}

{% macro is_blank(text) -%}
    coalesce({{ text }}, '') = ''
{%- endmacro %}

{# Unicode white space, byte order marks and zero-width spaces only. #}
{% macro is_invisible(text) -%}
    regexp_full_match({{ text }}, '[\s\v\p{Z}\x{85}\x{FEFF}\x{200B}]*')
{%- endmacro %}

{# Null, or one of the words that exports write for it. #}
{% macro is_null_text(text) -%}
    {{ ascii_lower("coalesce(" ~ text ~ ", '')") }} in ('', 'null', 'n/a', 'none')
{%- endmacro %}
