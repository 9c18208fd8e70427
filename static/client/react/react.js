/** All that the hooks use of React, at one place, so that a bundle imports it once. */

export {
  createContext, createElement, useCallback, useContext, useEffect, useMemo, useRef, useSyncExternalStore,
} from "react";
