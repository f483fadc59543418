{
  "variables": { "faults%": 0 },
  "targets": [
    {
      "target_name": "dmremap",
      "sources": [
        "native/addon.cc",
        "native/blocking_job.cc",
        "native/block_device.cc",
        "native/engine.cc",
        "native/engine_io.cc",
        "native/environment.cc",
        "native/kernel_aio.cc",
        "native/op_table.cc",
        "native/request.cc",
        "native/request_table.cc",
        "native/ring.cc",
        "native/slab.cc",
        "native/thread_pool.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "_FILE_OFFSET_BITS=64"],
      "cflags": ["-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-fvisibility=hidden"],
      "cflags_cc": ["-std=gnu++17", "-fexceptions", "-fno-rtti"],
      "cflags_cc!": ["-fno-exceptions"],
      "libraries": ["-l:liburing.a"],
      "ldflags": [
        "-Wl,-z,nodelete",
        "-static-libstdc++",
        "-static-libgcc",
        "-Wl,--exclude-libs,ALL"
      ],
      "conditions": [
        ["faults==1", {
          "sources": ["native/faults.cc"],
          "defines": ["DMREMAP_FAULTS"],
          "ldflags": ["-Wl,-Bsymbolic"]
        }]
      ]
    }
  ]
}
