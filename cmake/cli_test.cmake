# The tests of src/cli; cli_test.cc runs the program itself.
if(HADAL_TESTS)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cc)
  hadal_test(cli_test SOURCES ${tests} LIBS hadal_cli)
  add_dependencies(cli_test hadal)
endif()
