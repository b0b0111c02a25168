select /* abc
