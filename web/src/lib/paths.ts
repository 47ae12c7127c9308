/** The path of what a folder has, whichever system it is on. */
export const within = (folder: string, name: string) => `${folder}${folder.includes("\\") ? "\\" : "/"}${name}`;
