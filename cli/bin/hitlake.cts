#!/usr/bin/env node
/**
 * What `hitlake` and `npm start` run. Files, fdatasync and DuckDB share libuv's pool of threads; with the default of
 * four, two long queries and a publication leave one for the log. The pool's size is read once, when it is first used,
 * and loading an ES module uses it: so this file is CommonJS and only sets the size. The S3 client looks as early whether
 * it may print that it will want a newer Node some day, which is nothing an operator can act on.
 */
process.env.UV_THREADPOOL_SIZE ??= '8'
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
void import('./hitlake.ts')
