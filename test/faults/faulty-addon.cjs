// Preloaded (--require, which workers do too): the library gets the addon whose calls fail to order, and not the product.
// DMREMAP_FAULTY_ADDON names it.
const id = require.resolve('bindings');
const exports_ = () => require(process.env.DMREMAP_FAULTY_ADDON);
require.cache[id] = { id, filename: id, loaded: true, exports: exports_, children: [], paths: [] };
