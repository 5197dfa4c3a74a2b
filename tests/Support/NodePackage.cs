using System.Diagnostics;

namespace ChatCqrs.Testing;

/// <summary>A package of the npm registry that a test runs; installed once into the test's output folder.</summary>
public static class NodePackage
{
    /// <summary>How long a package may run before a test gives up: it has the cores for itself on no machine.</summary>
    public static readonly TimeSpan RunMax = TimeSpan.FromMinutes(2);

    private static readonly SemaphoreSlim Turn = new(1, 1);

    private const string NotInstalled = "Node.js is not installed (Debian: apt install nodejs npm).";

    /// <inheritdoc cref="Prerequisites.MayBeMissing"/>
    public static string? Missing { get; } = IsInstalled ? null : Prerequisites.MayBeMissing(NotInstalled);

    private static bool IsInstalled => OnPath("node") && OnPath("npm");

    /// <returns>A folder from which the package can be required.</returns>
    public static Task<string> InstallAsync(string name, string version) => InstallAsync(
        $"{name}-{version}",
        folder => File.WriteAllText(Path.Combine(folder, "package.json"), """{"private":true}"""),
        "install", "--no-save", $"{name}@{version}");

    /// <summary>Installs exactly the packages of a lock file.</summary>
    /// <param name="manifest">The folder of package.json and package-lock.json.</param>
    /// <returns>A folder from which the packages can be required.</returns>
    public static Task<string> InstallAllAsync(string manifest) => InstallAsync(
        Path.GetFileName(manifest),
        folder =>
        {
            foreach (var name in new[] { "package.json", "package-lock.json" })
                File.Copy(Path.Combine(manifest, name), Path.Combine(folder, name), overwrite: true);
        },
        "ci");

    private static async Task<string> InstallAsync(string name, Action<string> prepare, params string[] command)
    {
        if (!IsInstalled)
            throw new InvalidOperationException(NotInstalled);
        var folder = Path.Combine(AppContext.BaseDirectory, "node", name);
        await Turn.WaitAsync();
        try
        {
            var done = Path.Combine(folder, "installed");
            if (File.Exists(done))
                return folder;
            Directory.CreateDirectory(folder);
            prepare(folder);
            using var npm = Start("npm", folder, [.. command, "--no-audit", "--no-fund", "--ignore-scripts"]);
            var output = await npm.StandardOutput.ReadToEndAsync() + await npm.StandardError.ReadToEndAsync();
            await npm.WaitForExitAsync();
            if (npm.ExitCode != 0)
                throw new InvalidOperationException($"npm could not install {name}: {output}");
            await File.WriteAllTextAsync(done, "");
            return folder;
        }
        finally
        {
            Turn.Release();
        }
    }

    /// <summary>Runs a script with Node.js in the folder of a package.</summary>
    public static Process Run(string folder, string script, params string[] arguments) =>
        Start("node", folder, ["-e", script, "--", .. arguments]);

    /// <summary>Runs the command of a package.</summary>
    /// <param name="file">The command's script, from the folder of the package.</param>
    public static Process Command(string folder, string file, params string[] arguments) =>
        Start("node", folder, [Path.Combine("node_modules", file), .. arguments]);

    private static Process Start(string program, string folder, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    private static bool OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(folder => File.Exists(Path.Combine(folder, program)));
}
