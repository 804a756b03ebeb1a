/** TypeScript as JavaScript, a file by itself and unchecked, by the compiler that Vitest uses too: a tenth of a second for all of ours. */
import { transformSync } from 'rolldown/utils'

/**
 * @param {string} path  said in an error
 * @param {string} text
 * @param {{ extensions?: 'kept' | 'rewritten' }} [options]  of relative imports; rewritten, they are those of what is compiled
 * @returns {string} equal text for equal text
 * @throws {SyntaxError} where it is no TypeScript
 */
export function withoutTypes(path, text, { extensions = 'kept' } = {}) {
  const { code, errors } = transformSync(path, text, {
    lang: 'ts',
    target: 'es2023',
    tsconfig: false,
    // As TypeScript's `verbatimModuleSyntax`: an import stays unless it says that it is of types.
    typescript: { onlyRemoveTypeImports: true, rewriteImportExtensions: extensions === 'rewritten' },
  })
  const [error] = errors
  if (error !== undefined) throw new SyntaxError(`${path}: ${error.message}`)
  return code
}
