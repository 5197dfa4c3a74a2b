using System.Security.Cryptography;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Tests.Tlog;

public sealed class MerkleTreeTests
{
    /// <summary>The leaves and roots that the reference implementation of RFC 6962 is tested with.</summary>
    private static readonly string[] Entries =
    [
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    ];

    private static readonly string[] Roots =
    [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public void Roots_are_those_of_the_reference()
    {
        var leaves = Entries.Select(entry => MerkleTree.Leaf(Convert.FromHexString(entry))).ToArray();
        for (var size = 0; size <= leaves.Length; size++)
            Assert.Equal(Roots[size], Convert.ToHexStringLower(MerkleTree.Root(leaves.AsSpan(0, size)).ToArray()));
    }

    [Fact]
    public void A_large_entry_is_hashed_as_a_small_one()
    {
        var entry = RandomNumberGenerator.GetBytes(60_000);
        Assert.Equal(SHA256.HashData([0, .. entry]), MerkleTree.Leaf(entry).ToArray());
    }

    [Fact]
    public async Task Tiles_and_the_right_edge_give_the_roots_of_the_definition_for_every_size()
    {
        var frontier = new MerkleFrontier();
        for (var size = 0; size <= Leaves.Max; size++)
        {
            Assert.Equal(Leaves.Roots[size], frontier.Root());
            Assert.Equal(Leaves.Roots[size], await Leaves.Tiled(size).RootAsync(None));
            if (size < Leaves.Max)
                frontier.Append(Leaves.All[size]);
        }
    }

    [Fact]
    public async Task Inclusion_holds_for_every_size_and_for_nothing_else()
    {
        for (var size = 1; size <= Leaves.Max; size++)
        {
            var (root, tree) = (Leaves.Roots[size], Leaves.Tiled(size));
            foreach (var index in Indexes(size))
            {
                var proof = await tree.InclusionAsync(index, None);
                Assert.Equal(MerkleTree.Inclusion(Leaves.All.AsMemory(0, size), index), proof);
                Assert.True(MerkleProof.Includes(index, size, Leaves.All[index], root, proof));
                Assert.Equal(Leaves.All[index], await tree.LeafAsync(index, None));
                var other = Leaves.All[(index + 1) % Leaves.Max];
                Assert.False(MerkleProof.Includes(index, size, other, root, proof));
                Assert.False(MerkleProof.Includes(index, size, Leaves.All[index], other, proof));
                Assert.False(MerkleProof.Includes(size, size, Leaves.All[index], root, proof));
                Assert.False(MerkleProof.Includes(-1, size, Leaves.All[index], root, proof));
                Assert.False(MerkleProof.Includes(index, size, Leaves.All[index], root, [.. proof, other]));
                Assert.All(Changed(proof), bad =>
                    Assert.False(MerkleProof.Includes(index, size, Leaves.All[index], root, bad)));
            }
        }
    }

    [Fact]
    public async Task Consistency_holds_for_every_two_sizes_and_for_nothing_else()
    {
        for (var size = 1; size <= Leaves.Max; size++)
        {
            var (root, tree) = (Leaves.Roots[size], Leaves.Tiled(size));
            for (var old = 1; old <= size; old += size > 70 ? 13 : 1)
            {
                var proof = await tree.ConsistencyAsync(old, None);
                Assert.True(MerkleProof.Extends(old, size, Leaves.Roots[old], root, proof));
                Assert.False(MerkleProof.Extends(old, size, Leaves.Roots[old], Leaves.Roots[size - 1], proof));
                Assert.False(MerkleProof.Extends(old, size, Leaves.Roots[old - 1], root, proof));
                Assert.False(MerkleProof.Extends(old, size, Leaves.Roots[old], root, [.. proof, root]));
                if (size % 50 == 0)
                {
                    Assert.All(Changed(proof), bad =>
                        Assert.False(MerkleProof.Extends(old, size, Leaves.Roots[old], root, bad)));
                }
            }

            Assert.True(MerkleProof.Extends(0, size, MerkleTree.EmptyRoot, root, []));
            Assert.False(MerkleProof.Extends(0, size, root, root, []));
            Assert.False(MerkleProof.Extends(size + 1, size, root, root, []));
        }
    }

    [Theory]
    [InlineData(-1, 3)]
    [InlineData(3, 3)]
    [InlineData(0, 0)]
    public void There_is_no_proof_of_what_is_not_there(long index, long size) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => TreeRange.Inclusion(index, size));

    [Theory]
    [InlineData(0, 3)]
    [InlineData(4, 3)]
    public void There_is_no_proof_from_nothing_or_from_a_larger_tree(long old, long size) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => TreeRange.Consistency(old, size));

    private static IEnumerable<int> Indexes(int size) =>
        Enumerable.Range(0, size).Where(index => size <= 20 || index % 83 == size % 83 || index >= size - 2);

    /// <summary>The proof with one hash changed, or without one.</summary>
    private static IEnumerable<IReadOnlyList<Digest>> Changed(IReadOnlyList<Digest> proof)
    {
        for (var at = 0; at < proof.Count; at++)
        {
            var bytes = proof[at].ToArray();
            bytes[at] ^= 1;
            yield return [.. proof.Take(at), Digest.Of(bytes), .. proof.Skip(at + 1)];
            yield return [.. proof.Take(at), .. proof.Skip(at + 1)];
        }
    }
}
