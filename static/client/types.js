// The types are in types.d.ts; at run time there is nothing here.
export {};
