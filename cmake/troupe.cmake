# troupe_library(<folder> [DEPENDS <folders>...] [LINK <third-party>...] [PRECOMPILE <headers>...]
#                [EXCLUDE <sources>...])
# Builds every source under <folder> and records the folders it may include. What is called *_cpu.cc is built once
# for each instruction set.
function(troupe_library folder)
  cmake_parse_arguments(arg "" "" "DEPENDS;LINK;PRECOMPILE;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cc)
  list(TRANSFORM arg_EXCLUDE PREPEND ${PROJECT_SOURCE_DIR}/)
  if(arg_EXCLUDE)
    list(REMOVE_ITEM sources ${arg_EXCLUDE})
  endif()
  set(cpu_sources ${sources})
  list(FILTER cpu_sources INCLUDE REGEX _cpu\\.cc$)
  list(FILTER sources EXCLUDE REGEX _cpu\\.cc$)
  list(TRANSFORM arg_DEPENDS PREPEND troupe_ OUTPUT_VARIABLE libraries)
  if(sources)
    set(scope PUBLIC)
    add_library(troupe_${folder} STATIC ${sources})
    troupe_compile_options(troupe_${folder})
    if(arg_PRECOMPILE)
      target_precompile_headers(troupe_${folder} PRIVATE ${arg_PRECOMPILE})
    endif()
  else()
    set(scope INTERFACE)
    add_library(troupe_${folder} INTERFACE)
  endif()
  target_include_directories(troupe_${folder} ${scope} ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(troupe_${folder} ${scope} ${libraries} ${arg_LINK})
  if(cpu_sources)
    troupe_instruction_sets(troupe_${folder} ${cpu_sources})
  endif()
  list(JOIN arg_DEPENDS "," allowed)
  set_property(GLOBAL APPEND PROPERTY TROUPE_LAYERS "${folder}:${allowed}")
endfunction()

# Warnings are errors; no rounding may depend on the optimiser's mood (docs: one order of addition).
function(troupe_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror -Wno-missing-field-initializers
                                           -ffp-contract=off -fno-math-errno)
  if(TROUPE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${TROUPE_SANITIZE} -fno-sanitize=null -fno-omit-frame-pointer -g1)
    target_link_options(${target} PUBLIC -fsanitize=${TROUPE_SANITIZE})
  endif()
endfunction()

# All of storage/schema/*.capnp, as the library troupe_schema and headers "storage/schema/<name>.capnp.h".
function(troupe_schemas folder)
  file(GLOB schemas CONFIGURE_DEPENDS ${folder}/*.capnp)
  set(CAPNPC_SRC_PREFIX ${PROJECT_SOURCE_DIR})
  set(CAPNPC_OUTPUT_DIR ${PROJECT_BINARY_DIR})
  if(schemas)
    capnp_generate_cpp(sources headers ${schemas})
    add_library(troupe_schema STATIC ${sources})
    target_include_directories(troupe_schema PUBLIC ${PROJECT_BINARY_DIR})
    target_link_libraries(troupe_schema PUBLIC CapnProto::capnp CapnProto::capnp-json)
  else()
    add_library(troupe_schema INTERFACE)
    target_link_libraries(troupe_schema INTERFACE CapnProto::capnp CapnProto::capnp-json)
  endif()
endfunction()

# troupe_instruction_sets(<target> <sources>...): compiles the sources for every instruction set, into <target>. Which
# of them runs is chosen at start (kernels/instruction_set.h).
function(troupe_instruction_sets target)
  set(avx2 -march=x86-64-v3 -mprfchw)
  set(avx512 -march=x86-64-v4 -mprfchw)
  set(avx512_bf16 ${avx512} -mavx512bf16 -mavx512vnni)
  set(amx ${avx512_bf16} -mamx-tile -mamx-bf16 -mamx-int8)
  set(script ${PROJECT_SOURCE_DIR}/cmake/instruction_sets.sh)
  set(folder ${PROJECT_BINARY_DIR}/${target}.sets)
  file(MAKE_DIRECTORY ${folder})
  set(merged "")
  foreach(isa avx2 avx512 avx512_bf16 amx)
    add_library(${target}_${isa} OBJECT ${ARGN})
    troupe_compile_options(${target}_${isa})
    # GCC 12's own AVX-512 headers trigger the two silenced warnings (GCC bug 105593).
    target_compile_options(${target}_${isa} PRIVATE ${${isa}} -O3 -Wno-uninitialized -Wno-maybe-uninitialized)
    target_include_directories(${target}_${isa} PRIVATE $<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>)
    add_custom_command(OUTPUT ${folder}/${isa}.o BYPRODUCTS ${folder}/${isa}.o.names
                       COMMAND ${script} merge ${isa} ${folder}/${isa}.o $<TARGET_OBJECTS:${target}_${isa}>
                       DEPENDS $<TARGET_OBJECTS:${target}_${isa}> ${script} COMMAND_EXPAND_LISTS VERBATIM)
    list(APPEND merged ${folder}/${isa}.o)
  endforeach()
  add_custom_command(OUTPUT ${folder}/dispatch.s COMMAND ${script} dispatch ${folder}/dispatch.s ${merged}
                     DEPENDS ${merged} ${script} VERBATIM)
  set_source_files_properties(${merged} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  target_sources(${target} PRIVATE ${merged} ${folder}/dispatch.s)
endfunction()

# troupe_program(<name> <folder> ...): <folder>/<name>.cc as an executable over the folder's other sources.
function(troupe_program name folder)
  cmake_parse_arguments(arg "" "" "DEPENDS;LINK;PRECOMPILE" ${ARGN})
  troupe_library(${folder} DEPENDS ${arg_DEPENDS} LINK ${arg_LINK} PRECOMPILE ${arg_PRECOMPILE} EXCLUDE ${folder}/${name}.cc)
  target_compile_definitions(troupe_${folder} PRIVATE TROUPE_VERSION="${PROJECT_VERSION}"
                                                      TROUPE_BUILD_TYPE="${CMAKE_BUILD_TYPE}")
  add_executable(${name} ${folder}/${name}.cc)
  troupe_compile_options(${name})
  target_link_libraries(${name} PRIVATE troupe_${folder})
endfunction()

# troupe_embed(<target> <folder> <files>...): embedded_file("x.js") of apps/embedded_file.h gives the bytes of these
# files and of the folder's.
function(troupe_embed target folder)
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*)
  set(assembly "")
  set(declarations "")
  set(answers "")
  set(number 0)
  foreach(file ${files} ${ARGN})
    get_filename_component(name ${file} NAME)
    string(APPEND assembly "embedded_${number}: .incbin \"${file}\"\nembedded_${number}_end:\n")
    string(APPEND declarations "extern \"C\" const char embedded_${number}[], embedded_${number}_end[];\n")
    string(APPEND answers "  if (name == \"${name}\") return {embedded_${number}, embedded_${number}_end};\n")
    math(EXPR number "${number} + 1")
  endforeach()
  set(source ${PROJECT_BINARY_DIR}/embedded_files.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include \"apps/embedded_file.h\"
#include \"base/error.h\"
asm(R\"(.section .rodata
${assembly}.previous)\");
${declarations}
std::string_view troupe::embedded_file(std::string_view name) {
${answers}  throw Error(\"no file is embedded that is called \" + std::string(name));
}
" @ONLY)
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${files};${ARGN}" SKIP_PRECOMPILE_HEADERS ON)
  target_sources(${target} PRIVATE ${source})
endfunction()

# Each tests/e2e/*.sh is a test of the built program, found in $TROUPE; exit status 77 is "skipped". A line
# "# TIMEOUT seconds" and one "# LABELS slow" in the script set these properties.
function(troupe_end_to_end_tests program)
  file(GLOB scripts CONFIGURE_DEPENDS tests/e2e/*.sh)
  foreach(script ${scripts})
    get_filename_component(test ${script} NAME_WE)
    set(timeout "# TIMEOUT 120")
    set(labels "# LABELS")
    file(STRINGS ${script} properties REGEX "^# (TIMEOUT|LABELS) ")
    foreach(property ${properties})
      if(property MATCHES "^# TIMEOUT")
        set(timeout ${property})
      else()
        set(labels ${property})
      endif()
    endforeach()
    string(REPLACE "# TIMEOUT " "" timeout ${timeout})
    if(TROUPE_SANITIZE)
      math(EXPR timeout "${timeout} * 4")
    endif()
    string(REGEX MATCHALL "[a-z_]+" labels ${labels})
    add_test(NAME e2e.${test} COMMAND ${script} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(e2e.${test} PROPERTIES ENVIRONMENT "TROUPE=$<TARGET_FILE:${program}>" TIMEOUT ${timeout}
                                                LABELS "e2e;${labels}" SKIP_RETURN_CODE 77 RUN_SERIAL ON)
  endforeach()
endfunction()

# One test program per folder of tests/, and one test that no folder includes what it may not.
function(troupe_tests)
  include(GoogleTest)
  foreach(folder base devices kernels graph rlhf text storage actors apps)
    file(GLOB_RECURSE tests CONFIGURE_DEPENDS tests/${folder}/*_test.cc)
    if(tests)
      add_executable(${folder}_tests ${tests})
      troupe_compile_options(${folder}_tests)
      target_link_libraries(${folder}_tests PRIVATE troupe_${folder} GTest::gtest_main GTest::gmock rapidcheck)
      target_compile_definitions(${folder}_tests PRIVATE TROUPE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
      file(GLOB_RECURSE cpu_sources CONFIGURE_DEPENDS tests/${folder}/*_cpu.cc)
      if(cpu_sources)
        troupe_instruction_sets(${folder}_tests ${cpu_sources})
      endif()
      target_precompile_headers(${folder}_tests PRIVATE <gtest/gtest.h>)
      if(folder STREQUAL "actors")
        target_precompile_headers(${folder}_tests PRIVATE <caf/all.hpp>)
      endif()
      gtest_discover_tests(${folder}_tests TEST_FILTER -RealModelTest.* DISCOVERY_TIMEOUT 60
                           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} PROPERTIES LABELS ${folder})
      if(folder STREQUAL "kernels")  # the tests above ran on the best set of this machine
        foreach(isa avx2 avx512 avx512_bf16 amx)
          add_test(NAME kernels.${isa} COMMAND kernels_tests --gtest_brief=1 WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
          set_tests_properties(kernels.${isa} PROPERTIES LABELS kernels ENVIRONMENT TROUPE_INSTRUCTION_SET=${isa}
                                                         SKIP_REGULAR_EXPRESSION "lacks the instruction set")
        endforeach()
      endif()
      if("${tests}" MATCHES "real_model_test.cc")  # one test: they share a model that is fetched once
        add_test(NAME ${folder}.real_model COMMAND ${folder}_tests --gtest_filter=RealModelTest.* WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        set_tests_properties(${folder}.real_model PROPERTIES LABELS "${folder};model;slow" TIMEOUT 600 RUN_SERIAL ON
                                                             SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]")
      endif()
    endif()
  endforeach()
  troupe_end_to_end_tests(troupe)
  get_property(layers GLOBAL PROPERTY TROUPE_LAYERS)
  if(EXISTS ${PROJECT_SOURCE_DIR}/tools/check_layers.sh)
    add_test(NAME layers COMMAND ${PROJECT_SOURCE_DIR}/tools/check_layers.sh ${layers} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(layers PROPERTIES LABELS tools)
  endif()
  add_test(NAME docs COMMAND ${PROJECT_SOURCE_DIR}/tools/check_docs.sh)  # the code and files that pages name exist
  set_tests_properties(docs PROPERTIES LABELS tools)
endfunction()
