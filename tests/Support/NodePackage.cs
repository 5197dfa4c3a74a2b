using System.Diagnostics;

namespace ChatCqrs.Testing;

/// <summary>A package of the npm registry that a test runs something of: installed once into the test's own output folder.</summary>
public static class NodePackage
{
    private static readonly SemaphoreSlim Turn = new(1, 1);

    /// <summary>Why packages cannot be installed here; null when they can.</summary>
    public static string? Missing { get; } = OnPath("node") && OnPath("npm") ? null : "node and npm are not installed.";

    /// <returns>A folder from which the package can be required.</returns>
    public static async Task<string> InstallAsync(string name, string version)
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "node", $"{name}-{version}");
        await Turn.WaitAsync();
        try
        {
            var done = Path.Combine(folder, "installed");
            if (File.Exists(done))
                return folder;
            Directory.CreateDirectory(folder);
            await File.WriteAllTextAsync(Path.Combine(folder, "package.json"), """{"private":true}""");
            using var npm = Start("npm", folder, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", $"{name}@{version}");
            var output = await npm.StandardOutput.ReadToEndAsync() + await npm.StandardError.ReadToEndAsync();
            await npm.WaitForExitAsync();
            if (npm.ExitCode != 0)
                throw new InvalidOperationException($"npm could not install {name}@{version}: {output}");
            await File.WriteAllTextAsync(done, "");
            return folder;
        }
        finally
        {
            Turn.Release();
        }
    }

    /// <summary>Runs a script with Node.js in the folder of a package.</summary>
    public static Process Run(string folder, string script, params string[] arguments) => Start("node", folder, ["-e", script, "--", .. arguments]);

    private static Process Start(string program, string folder, params string[] arguments) => Process.Start(new ProcessStartInfo(program, arguments)
    {
        WorkingDirectory = folder,
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    private static bool OnPath(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(folder => File.Exists(Path.Combine(folder, program)));
}
