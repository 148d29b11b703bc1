/** Kept equal to package.json by a test: read at run time, the file would have to be found from sources and from dist. */
export const VERSION = '0.1.0';
