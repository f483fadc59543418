// Failures to order, of a build for tests alone (DMREMAP_FAULTS): the calls of sys.h and `new` fail once, at
// the call and with the errno that JavaScript has named. One failure at a time for all threads of the
// process.
#ifndef DMREMAP_NATIVE_FAULTS_H_
#define DMREMAP_NATIVE_FAULTS_H_

#include <napi.h>

namespace dmremap::faults {

// Counts this call. The errno that it is to fail with, 0 where it is to be made.
int Next(const char* call);

void Mapped(int more);

// arm(call, nth, errno): from now on the nth call of that name fails; disarm(): whether it has; count(): how
// often each call was made since the last arm(), by name; held(): what `new` and mmap(2) have given out and
// have not got back.
Napi::Object Exports(Napi::Env env);

}  // namespace dmremap::faults

#endif  // DMREMAP_NATIVE_FAULTS_H_
