/**
 * Makes one JavaScript file of a pipeline with everything it imports, packages of npm too (only `node:` is left outside),
 * and says which version of the pipeline it is. Equal sources give equal bytes, wherever they lie; comments and layout
 * are not in it.
 *
 * A version is the plan and the code that its steps call. The plan says what is handed to the builder, lambdas by the hash
 * of their own source; so the builder, calls of it, and lambdas themselves are left out of the code, and a change of
 * them is told by the plan alone. Data sets that lie inside have versions of their own.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { rolldown } from 'rolldown'
import { parseAst } from 'rolldown/parseAst'

/** What builds plans: what it is told is in the plan. A judge of rows is called for each row, so it is none of these. */
const isBuilder = (file) => file.startsWith('pipelines/plan/') && file !== 'pipelines/plan/validation.ts'
/** What plan and data sets say themselves. */
const isSaid = (file) => file === 'schemas/tables.ts' || /^schemas\/sources\/.*\.json$/.test(file)

/** @returns {Promise<import('./bundle-plan.d.mts').BundledPlan>} */
export async function bundlePlan({ entry, root }) {
  const base = realpathSync(root)
  const bundle = await rolldown({
    input: join(base, entry),
    cwd: base,
    platform: 'node',
    external: /^node:/,
    treeshake: true,
    onLog(level, log) {
      // A warning here is a fault of the file: an import that cannot be resolved, a cycle that breaks.
      if (level === 'warn') throw new Error(`${entry} cannot be made one file: ${log.message}`)
    },
  })
  try {
    const { output } = await bundle.generate({
      format: 'esm',
      comments: false,
      minify: false,
      codeSplitting: false,
    })
    const [chunk] = output
    if (output.length !== 1 || chunk.imports.some((name) => !name.startsWith('node:'))) {
      throw new Error(
        `${entry} is not one file: ${[...output.map((each) => each.fileName), ...chunk.imports].join(', ')}`,
      )
    }
    const text = withoutPaths(chunk.code, Object.keys(chunk.modules), base)
    const facts = evaluated(text)
    const modules = Object.entries(chunk.modules).map(([id, { code }]) => ({
      file: nameOf(id, base),
      code: code ?? '',
    }))
    const called = calledCode(
      modules.filter(({ file }) => file !== entry),
      facts.sources,
    )
    return {
      bundle: text,
      sha256: createHash('sha256').update(text).digest('hex'),
      code: createHash('sha256').update(called).digest('hex').slice(0, 16),
      text: facts.text,
      format: facts.format,
      dataSets: facts.dataSets,
    }
  } finally {
    await bundle.close()
  }
}

/** From the root on; of a package from its name on, wherever it is installed. */
function nameOf(id, root) {
  const file = relative(root, id).split(sep).join('/')
  const at = file.lastIndexOf('node_modules/')
  return at === -1 ? file : file.slice(at)
}

/** The bundler heads each module by its path, which says where the build ran. */
function withoutPaths(code, ids, root) {
  const heads = new Set(ids.map((id) => `// ${relative(root, id).split(sep).join('/')}`))
  return code
    .split('\n')
    .filter((line) => !heads.has(line))
    .join('\n')
}

/** Runs the file in a process of its own, for what its pipeline says of itself. */
function evaluated(code) {
  const folder = mkdtempSync(join(tmpdir(), 'hitlake-plan-'))
  try {
    const file = join(folder, 'plan.mjs')
    writeFileSync(file, code)
    const program = `
      const { pathToFileURL } = await import('node:url')
      const { pipeline, pipelineFormat: format, dataSets } = await import(pathToFileURL(process.argv[1]).href)
      const { lambdas, sinks, text } = pipeline
      const sources = [...lambdas.values(), ...[...sinks.values()].map((sink) => sink.toRow)].map(String)
      process.stdout.write(JSON.stringify({ text, format, dataSets, sources }))`
    const answer = execFileSync(process.execPath, ['--input-type=module', '-e', program, file], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    return JSON.parse(answer)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** All that runs for a row but is not in the plan, in an order that does not depend on the files it lies in. */
function calledCode(modules, own) {
  const builders = new Set(modules.filter(({ file }) => isBuilder(file)).flatMap(({ code }) => declaredIn(code)))
  // The longest first: a short lambda may be a part of a longer one.
  const sources = [...own].sort((a, b) => b.length - a.length || (a < b ? -1 : 1))
  return modules
    .filter(({ file }) => !isBuilder(file) && !isSaid(file))
    .flatMap(({ code }) =>
      parseAst(code)
        .body.filter((statement) => !isMadeBy(builders, statement))
        .map(({ start, end }) => code.slice(start, end)),
    )
    .map((statement) => sources.reduce((rest, source) => rest.replaceAll(source, ''), statement).trim())
    .filter((statement) => statement !== '')
    .sort()
    .join('\n')
}

function declaredIn(code) {
  return parseAst(code).body.flatMap((each) => {
    if (each.type === 'VariableDeclaration') return each.declarations.map(({ id }) => id.name)
    return each.id ? [each.id.name] : []
  })
}

/** Whether a statement keeps what a call of the builder makes: it is in the plan. */
function isMadeBy(builders, statement) {
  if (statement.type !== 'VariableDeclaration') return false
  return statement.declarations.every(
    ({ init }) =>
      init?.type === 'CallExpression' && init.callee.type === 'Identifier' && builders.has(init.callee.name),
  )
}
