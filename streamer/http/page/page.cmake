# Makes one HTML document of the page's parts, and a C file that holds it. Beside the C file it
# leaves page.html and page.policy for the tests in tests/page.

# The script's parts, in the order in which they run. They share one scope.
set(PAGE_SCRIPTS base format client merge sections graph charts lookup main)
set(PAGE_PARTS ${CMAKE_CURRENT_LIST_DIR}/page.html ${CMAKE_CURRENT_LIST_DIR}/page.css)
foreach(name ${PAGE_SCRIPTS})
  list(APPEND PAGE_PARTS ${CMAKE_CURRENT_LIST_DIR}/${name}.js)
endforeach()

# CMake has SHA-256 as hexadecimal digits only. A policy wants it in base64.
function(base64_of_sha256 out hex)
  set(alphabet ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
  set(text "")
  foreach(at RANGE 0 60 6) # three bytes become four characters; one byte of zeros pads them
    string(SUBSTRING "${hex}00" ${at} 6 three)
    foreach(shift 18 12 6 0)
      math(EXPR digit "0x${three} >> ${shift} & 63")
      string(SUBSTRING ${alphabet} ${digit} 1 character)
      string(APPEND text ${character})
    endforeach()
  endforeach()
  string(REGEX REPLACE ".$" "=" text "${text}")
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PAGE_PARTS})
file(READ ${CMAKE_CURRENT_LIST_DIR}/page.css PAGE_STYLE)
set(PAGE_SCRIPT "\n\"use strict\";\n")
foreach(name ${PAGE_SCRIPTS})
  file(READ ${CMAKE_CURRENT_LIST_DIR}/${name}.js text)
  string(APPEND PAGE_SCRIPT "${text}")
endforeach()
file(READ ${CMAKE_CURRENT_LIST_DIR}/page.html PAGE_TEXT)
string(REPLACE "<style></style>" "<style>${PAGE_STYLE}</style>" PAGE_TEXT "${PAGE_TEXT}")
string(REPLACE "<script type=\"module\"></script>"
       "<script type=\"module\">${PAGE_SCRIPT}</script>" PAGE_TEXT "${PAGE_TEXT}")

string(SHA256 hex "${PAGE_STYLE}")
base64_of_sha256(style_hash ${hex})
string(SHA256 hex "${PAGE_SCRIPT}")
base64_of_sha256(script_hash ${hex})
set(PAGE_POLICY "default-src 'none'; connect-src 'self'; img-src data:")
string(APPEND PAGE_POLICY "; script-src 'sha256-${script_hash}'")
string(APPEND PAGE_POLICY "; style-src 'sha256-${style_hash}'")
string(APPEND PAGE_POLICY "; require-trusted-types-for 'script'; trusted-types 'none'")
string(APPEND PAGE_POLICY "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
string(SHA256 PAGE_HASH "${PAGE_TEXT}${PAGE_POLICY}")

set(PAGE_FOLDER ${CMAKE_CURRENT_BINARY_DIR})
file(WRITE ${PAGE_FOLDER}/page.html "${PAGE_TEXT}")
file(WRITE ${PAGE_FOLDER}/page.policy "${PAGE_POLICY}")
file(READ ${PAGE_FOLDER}/page.html PAGE_HEX HEX)
string(REGEX REPLACE "(..)" "0x\\1," PAGE_BYTES "${PAGE_HEX}")
string(REPLACE "0x0a," "0x0a,\n" PAGE_BYTES "${PAGE_BYTES}") # a line of C for each line
file(CONFIGURE OUTPUT page.c CONTENT "#include \"streamer/http/page.h\"

const unsigned char page_html[] = {
@PAGE_BYTES@
};
const size_t page_html_bytes = sizeof page_html;
const char page_policy[] = \"@PAGE_POLICY@\";
const char page_etag[] = \"\\\"@PAGE_HASH@\\\"\";
" @ONLY)
list(APPEND STREAMER_SOURCES ${PAGE_FOLDER}/page.c)
