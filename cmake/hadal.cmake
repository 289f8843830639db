# hadal_module(NAME DEPS modules... LIBS libraries...) makes a library of the folder it is called in: every .cc is
# compiled into it, every *_test.cc becomes one case of the test program NAME_test. DEPS are the modules this one may
# include; tests/house compares them with the includes.
find_package(Threads REQUIRED)

add_library(hadal_flags INTERFACE)
target_compile_options(hadal_flags INTERFACE -Wall -Wextra -Wshadow -Wno-psabi -fno-math-errno)
target_include_directories(hadal_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(hadal_flags INTERFACE Threads::Threads)
if(HADAL_WERROR)
  target_compile_options(hadal_flags INTERFACE -Werror)
endif()
if(HADAL_SANITIZE)
  target_compile_options(hadal_flags INTERFACE -fsanitize=${HADAL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(hadal_flags INTERFACE -fsanitize=${HADAL_SANITIZE})
endif()

function(hadal_test NAME)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LIBS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${NAME} ${ARG_SOURCES})
  if(NOT TARGET hadal_test_paths)
    configure_file(${CMAKE_SOURCE_DIR}/cmake/test_paths.cc.in ${CMAKE_BINARY_DIR}/test_paths.cc @ONLY)
    add_library(hadal_test_paths STATIC ${CMAKE_BINARY_DIR}/test_paths.cc)
    target_include_directories(hadal_test_paths PRIVATE ${CMAKE_SOURCE_DIR}/cmake)
  endif()
  # -O1: a third less compiling, and what tests measure is in the modules.
  target_compile_options(${NAME} PRIVATE -O1 -include ${CMAKE_SOURCE_DIR}/cmake/test_paths.h)
  target_link_libraries(${NAME} PRIVATE ${ARG_LIBS} hadal_test_paths GTest::gtest_main)
  add_test(NAME ${NAME} COMMAND ${NAME})
  if(ARG_LABEL)
    set_tests_properties(${NAME} PROPERTIES LABELS ${ARG_LABEL})
  endif()
endfunction()

# hadal_bundle(SOURCES NAME SIZE FILES...) takes these files out of the list SOURCES and puts files into it that include
# up to SIZE of them each: most of what they cost to compile is the headers that they share. What they name in unnamed
# namespaces must differ.
function(hadal_bundle SOURCES NAME SIZE)
  set(count 0)
  foreach(file ${ARGN})
    math(EXPR bundle "${count} / ${SIZE}")
    file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR}/src ${file})  # the same text wherever the repository lies
    string(APPEND text_${bundle} "#include \"${path}\"\n")
    math(EXPR count "${count} + 1")
  endforeach()
  set(sources ${${SOURCES}})
  list(REMOVE_ITEM sources ${ARGN})
  foreach(i RANGE ${bundle})
    set(file ${CMAKE_CURRENT_BINARY_DIR}/${NAME}_${i}.cc)
    file(CONFIGURE OUTPUT ${file} CONTENT "${text_${i}}" @ONLY)
    list(APPEND sources ${file})
  endforeach()
  set(${SOURCES} ${sources} PARENT_SCOPE)
endfunction()

# BUNDLE folders... compiles the files of these sub-folders ("." is the module's own) together, but those of ALONE, which
# have flags or definitions of their own.
function(hadal_module NAME)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS;BUNDLE;ALONE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  if(NOT sources)
    return()  # a module whose face alone is written
  endif()
  list(TRANSFORM ARG_ALONE PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  foreach(folder ${ARG_BUNDLE})
    file(GLOB files ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cc)  # the glob above notices new ones
    list(FILTER files EXCLUDE REGEX "_test\\.cc$")
    string(REPLACE /./ / files "${files}")
    list(REMOVE_ITEM files ${ARG_ALONE})
    string(REPLACE . all folder ${folder})
    hadal_bundle(sources ${NAME}_${folder} 8 ${files})
  endforeach()
  add_library(hadal_${NAME} STATIC ${sources})
  list(TRANSFORM ARG_DEPS PREPEND hadal_ OUTPUT_VARIABLE deps)
  target_link_libraries(hadal_${NAME} PUBLIC hadal_flags ${deps} ${ARG_LIBS})
  if(HADAL_TESTS AND tests)
    hadal_test(${NAME}_test SOURCES ${tests} LIBS hadal_${NAME})
  endif()
endfunction()

# hadal_embed(SOURCE DEFINITION PAGE ELSE) tells SOURCE the file that it copies in: a page that web/ was built to, or
# where it has not been built, an honest note.
function(hadal_embed SOURCE DEFINITION PAGE ELSE)
  file(GLOB page CONFIGURE_DEPENDS ${HADAL_WEB_PAGES}/${PAGE})
  if(NOT page)
    set(page ${CMAKE_CURRENT_SOURCE_DIR}/${ELSE})
  endif()
  set_source_files_properties(${SOURCE} PROPERTIES COMPILE_DEFINITIONS ${DEFINITION}="${page}" OBJECT_DEPENDS ${page})
endfunction()
