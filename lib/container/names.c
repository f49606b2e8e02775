#include "container/container-int.h"

#include <ctype.h>

/* Moods and people whose work containers stand on.  The lists are our own; the form,
 * mood_person, is docker's. */
static const char *const moods[] = { "able", "airy", "amber", "ample", "astute", "awake", "balmy",
	"bold", "brave", "breezy", "bright", "brisk", "calm", "candid", "clever", "cosy", "crisp",
	"curious", "daring", "deft", "eager", "earnest", "easy", "fair", "fleet", "fond", "frank",
	"fresh", "gentle", "glad", "golden", "handy", "hardy", "honest", "hopeful", "jolly", "keen",
	"kind", "lively", "loyal", "lucid", "lucky", "mellow", "merry", "mild", "modest", "neat",
	"nimble", "noble", "patient", "placid", "plucky", "polite", "proud", "quick", "quiet",
	"ready", "robust", "serene", "sharp", "silent", "sincere", "smart", "snug", "sober", "spry",
	"steady", "sturdy", "sunny", "swift", "tidy", "trusty", "upbeat", "vivid", "warm", "wise",
	"witty", "zesty" };
static const char *const people[] = { "abbe", "adelman", "aho", "allman", "backus", "bartik",
	"bellovin", "bernstein", "boole", "bourne", "brooks", "bush", "cerf", "cheswick", "clark",
	"cocke", "codd", "conway", "cray", "davies", "denning", "dennis", "diffie", "dijkstra",
	"eiffel", "engelbart", "feinler", "floyd", "gosper", "gray", "hamming", "hoare",
	"hollerith", "holberton", "huffman", "iverson", "jacobson", "karp", "kay", "kernighan",
	"kildall", "kleene", "knuth", "lampson", "landin", "liskov", "mauchly", "mccarthy",
	"mccluskey", "mcilroy", "meltzer", "merkle", "metcalfe", "milner", "mockapetris", "moore",
	"morris", "naur", "needham", "newell", "noyce", "organick", "perlman", "perlis", "postel",
	"rabin", "ritchie", "saltzer", "schroeder", "scott", "shannon", "simon", "sutherland",
	"tarjan", "thompson", "tomlinson", "turing", "ullman", "wilkes", "wirth", "yao", "zuse" };

/* [a-zA-Z0-9][a-zA-Z0-9_.-]+, as docker; without the slash */
bool name_valid(const char *name)
{
	size_t n = strlen(name);

	if (n < 2 || n > 255 || !isalnum((unsigned char)name[0]))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i]))
			return false;
	return true;
}

void name_generate(unsigned attempt, char *out, size_t size)
{
	uint32_t r[3];
	int n;

	base_random(r, sizeof(r));
	n = snprintf(out, size, "%s_%s", moods[r[0] % ARRAY_SIZE(moods)],
		people[r[1] % ARRAY_SIZE(people)]);
	if (attempt > 0 && n > 0 && (size_t)n < size)
		(void)snprintf(
			out + n, size - (size_t)n, "%u", attempt < 6 ? r[2] % 10 : r[2] % 1000000);
}
