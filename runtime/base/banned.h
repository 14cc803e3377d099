/*
 * base/banned.h: functions that do not appear in this project.
 *
 * Included last in every .c file of the runtime and the generator, except base/alloc.c: a call to
 * one of these is a compile error that names it. Memory comes from csvc__malloc and its
 * siblings or an arena; text is written with snprintf or a csvc__buffer. What a foreign library
 * hands over to be freed with free() is freed as (free)(p): the parentheses say it is meant.
 */
#ifndef CSVC_BASE_BANNED_H
#define CSVC_BASE_BANNED_H

#define CSVC__BANNED(function) sorry_##function##_is_a_banned_function

#undef strcpy
#define strcpy(...) CSVC__BANNED(strcpy)
#undef strcat
#define strcat(...) CSVC__BANNED(strcat)
#undef strncpy
#define strncpy(...) CSVC__BANNED(strncpy)
#undef strncat
#define strncat(...) CSVC__BANNED(strncat)
#undef sprintf
#define sprintf(...) CSVC__BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) CSVC__BANNED(vsprintf)
#undef strtok
#define strtok(...) CSVC__BANNED(strtok)
#undef gets
#define gets(...) CSVC__BANNED(gets)
#undef atoi
#define atoi(...) CSVC__BANNED(atoi)
#undef atol
#define atol(...) CSVC__BANNED(atol)
#undef atoll
#define atoll(...) CSVC__BANNED(atoll)
#undef atof
#define atof(...) CSVC__BANNED(atof)
#undef localtime
#define localtime(...) CSVC__BANNED(localtime)
#undef gmtime
#define gmtime(...) CSVC__BANNED(gmtime)
#undef ctime
#define ctime(...) CSVC__BANNED(ctime)
#undef asctime
#define asctime(...) CSVC__BANNED(asctime)

#undef malloc
#define malloc(...) CSVC__BANNED(malloc)
#undef calloc
#define calloc(...) CSVC__BANNED(calloc)
#undef realloc
#define realloc(...) CSVC__BANNED(realloc)
#undef strdup
#define strdup(...) CSVC__BANNED(strdup)
#undef strndup
#define strndup(...) CSVC__BANNED(strndup)
#undef free
#define free(...) CSVC__BANNED(free)

#endif /* CSVC_BASE_BANNED_H */
