/** How much of the nodes is to be seen. From far away they hold nothing but their place. */

import { create } from "zustand";

export const useDetail = create<{ readonly far: boolean }>()(() => ({ far: false }));
