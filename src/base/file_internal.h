/* file_internal.h - the disk that file.c works on where no test has put another. */
#ifndef BASE_FILE_INTERNAL_H
#define BASE_FILE_INTERNAL_H

#include "base/file.h"

extern struct file_disk file_system_disk;

#endif
