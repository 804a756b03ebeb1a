/**
 * Joins the modules of processes and threads into fewer files in `dist/bundle`, so that a start opens and links fewer: it
 * takes a sixth less. Packages of npm stay outside. What was the compiled module of an entry then only imports the entry's
 * file; whatever else is imported from `dist` still is a module of its own. `bundle-modules.test.ts` holds it.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path'
import { rolldown } from 'rolldown'

/** What a process or a thread begins with, from the root on. Each has a name of its own. */
export const processEntries = [
  'cli/bin/hitlake.ts',
  'cli/embedded/backend-thread.ts',
  'cli/embedded/rerun-thread.ts',
  'pipelines/adapters/threads/split-thread.ts',
]

const asPath = (path) => path.split(sep).join('/')
const compiled = (file) => file.replace(/\.ts$/, '.js')

/**
 * @param {{ root: string, dist: string, entries?: readonly string[] }} options folders of the sources and of their compiled
 * modules; entries from the root on
 */
export async function bundleModules({ root, dist, entries = processEntries }) {
  const out = join(dist, 'bundle')
  const placeOf = (id) => asPath(relative(out, join(dist, compiled(relative(root, id)))))
  const bundle = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [basename(entry, '.ts'), join(root, entry)])),
    cwd: root,
    platform: 'node',
    external: (id) => !isAbsolute(id) && !id.startsWith('.'),
    plugins: [{ name: 'places', transform: (code, id) => inPlace(code, placeOf(id)) }],
    onLog(level, log) {
      if (level === 'warn') throw new Error(`the modules cannot be joined: ${log.message}`)
    },
  })
  try {
    await bundle.write({ dir: out, format: 'esm', minify: false, sourcemap: true, chunkFileNames: '[name].js' })
  } finally {
    await bundle.close()
  }
  for (const entry of entries) {
    const module = join(dist, compiled(entry))
    const file = asPath(relative(dirname(module), join(out, basename(module))))
    writeFileSync(module, `import '${file.startsWith('.') ? file : `./${file}`}'\n`)
    rmSync(`${module}.map`, { force: true })
  }
}

/** Modules find plans, schemas and threads by their own place, which stays what it was. */
function inPlace(code, place) {
  const other = /\bimport\.meta\.(?!url\b)\w+/.exec(code)?.[0]
  if (other !== undefined) throw new Error(`${other} in ${place} would be another in the file it is joined into`)
  if (!code.includes('import.meta.url')) return undefined
  // No line moves, so the map stays as it is.
  return {
    code: code.replaceAll('import.meta.url', `new URL(${JSON.stringify(place)}, import.meta.url).href`),
    map: null,
  }
}
