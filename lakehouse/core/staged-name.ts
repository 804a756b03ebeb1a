/** Where staged files are: one folder of object names, apart from the tables. */
export const stagedFolder = 'staged/'

/** The object name of a staged file; a caller may leave the folder out or name it. */
export function stagedName(name: string): string {
  return name.startsWith(stagedFolder) ? name : `${stagedFolder}${name}`
}
