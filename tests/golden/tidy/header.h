// path: shared/base/header.h
// expect: pragma-once@1 comment@3
// TODO: guard it
struct header {
	int a;
};
